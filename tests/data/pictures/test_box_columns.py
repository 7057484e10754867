"""Headers of files of boxes: obeyed in any form, or refused by name."""

import pytest

from keras_pose.data.datasets.picture_folder import read_boxes, read_sided_boxes


def _boxes(folder, text):
    (folder / "boxes.csv").write_text(text)
    return read_boxes(folder / "boxes.csv")


@pytest.mark.parametrize(
    "text",
    [
        "name,x,y,width,height\na.jpg,40,30,160,280\n",
        "name,x,y,height,width\na.jpg,40,30,280,160\n",
        "name,x1,y1,x2,y2\na.jpg,40,30,200,310\n",
        "Image,XMin,YMin,XMax,YMax\na.jpg,40,30,200,310\n",
        "image,xmin,xmax,ymin,ymax\na.jpg,40,200,30,310\n",
        "filename,x0,y0,x1,y1\na.jpg,40,30,200,310\n",
        "name,left,top,right,bottom\na.jpg,40,30,200,310\n",
        "name,x_center,y_center,width,height\na.jpg,120,170,160,280\n",
        "name,cx,cy,w,h\na.jpg,120,170,160,280\n",
        "bbox_x,bbox_y,bbox_w,bbox_h,name\n40,30,160,280,a.jpg\n",
        "name;x;y;width;height\na.jpg;40,0;30,0;160,0;280,0\n",
        "name\tx\ty\twidth\theight\na.jpg\t40\t30\t160\t280\n",
        "\ufeff\nname, X, Y, Width, Height, score\r\na.jpg, 40, 30, 160, 280, 0.9\r\n",
        # TensorFlow's lists: width and height are the picture's.
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,640,480,person,40,30,200,310\n",
        "id_of,x,y,width,height\na.jpg,40,30,160,280\n",
        "a.jpg,40,30,160,280\n",
    ],
)
def test_one_box_however_its_columns_are_named(tmp_path, text):
    assert _boxes(tmp_path, text) == {"a.jpg": [(40, 30, 160, 280)]}


def test_a_side_may_stand_anywhere_and_be_left_out(tmp_path):
    (tmp_path / "boxes.csv").write_text(
        "name,hand,x1,y1,x2,y2\na.jpg,Left,1,2,4,6\nb.jpg,,1,2,4,6\n"
    )
    assert read_sided_boxes(tmp_path / "boxes.csv") == {
        "a.jpg": [((1, 2, 3, 4), "left")],
        "b.jpg": [((1, 2, 3, 4), "")],
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,a,b,c,d\na.jpg,1,2,3,4\n", "names no .* and 'a' means nothing here"),
        ("name,x,y,breite,hoehe\na.jpg,1,2,3,4\n", "names no .* and 'breite' means nothing"),
        ("name,x,x,width,height\na.jpg,1,2,3,4\n", "two columns of the left, 'x' and 'x'"),
        ("name,x1,y1,x2\na.jpg,1,2,3\n", "names no bottom"),
        ("x,y,width,height\n1,2,3,4\n", "names no name"),
        ("name,x,y,width,height\na.jpg,1,2,3\n", "line 2: .* is not a box"),
        ("name,x,y,width,height\na.jpg,1,2,3,4,5\n", "line 2: .* is not a box"),
        ("name,x,y,width,height\n", "holds no box"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(tmp_path, text, sentence):
    with pytest.raises(ValueError, match=sentence):
        _boxes(tmp_path, text)
